"""The calculator: a public data sheet that the browser computes with, and presets rendered here."""
