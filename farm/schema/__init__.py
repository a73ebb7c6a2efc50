"""Table ``objects`` brought to the declarations of the features: ``found`` looks, ``plan`` decides, ``migrate`` does.

``plan`` is pure; its statements are made of declared names, and of names that the operator gives and the table has.
"""
