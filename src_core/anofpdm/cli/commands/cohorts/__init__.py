"""Commands on many scans."""
