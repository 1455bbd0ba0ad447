"""Does a criterion know? Its answers are held against what trainings at every depth really scored."""
