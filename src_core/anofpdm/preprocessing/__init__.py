"""Before the model: brain extraction, bias-field correction, registration of a head's scans."""
