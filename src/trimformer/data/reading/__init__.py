"""From files to one patient: nothing passes that breaks a rule."""
