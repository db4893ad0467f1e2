"""Two time points of one patient: lesions that are new, gone, grown, shrunk or unchanged."""
