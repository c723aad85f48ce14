"""The gradient checker that names the mistake."""
