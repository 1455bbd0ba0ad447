"""Where each dataset's files lie: names alone, nothing is opened here but a dataset's own description."""
