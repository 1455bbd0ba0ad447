"""DICOM series: headers by pydicom, pixels by SimpleITK, and where the two together lie in the patient."""
