"""Databases of earlier schemas. What stands here is inside the kept files, and therefore never changes."""

SECRET_KEY = "only-for-old-databases-" + "x" * 40  # keys are sealed with it
PASSWORD = "a password of old"  # of every user; `admin` is one
API_KEY = "test-key"  # of the connection `prod`, sealed; the tests' sandbox takes no other
