"""The instructor's side: release, grade, report."""
