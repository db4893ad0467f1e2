"""Raw scans in the viewer made ready for the network: registered, extracted, corrected.

Imports `layers`; knows no panel.
"""
