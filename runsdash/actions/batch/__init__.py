"""One deed on many runs: cancel, tag or export. Rows hold the work; each run is acted on at most once."""
