"""A model and a patient -> a label map on the patient's own grid."""
