"""What is written down: experiments, run folders, frozen results and the errors users see. No torch here."""
