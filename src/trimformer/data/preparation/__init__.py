"""From a patient to the slices that a model sees, kept on disk, and the way back to the patient's own grid."""
