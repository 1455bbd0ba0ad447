"""The built-in cohort: how a patient is simulated."""
