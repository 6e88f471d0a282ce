"""Does one thing to many runs: cancels, tags or exports them. Rows hold the work; each run is acted on at most once."""
