"""From the files of a dataset to everything that is wrong with them, and to a look at every case."""
