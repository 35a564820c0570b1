"""reading - plain values, as JSON and its kin have them, read as the types of annotations.

Nothing is converted that would lose something: 1.5 is no int, "yes" is no bool. Knows no task.
"""
