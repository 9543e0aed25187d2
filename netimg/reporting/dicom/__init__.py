"""DICOM objects of a result, by highdicom: segmentations of liver, lesions and anatomy.

In: a StudyResult whose source files can be read again. Out: bytes-writing functions by path.
"""
