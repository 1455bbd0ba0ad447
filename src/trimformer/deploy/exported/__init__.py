"""Exports are read back as models that are ready for scans; nothing they hold is executed but arithmetic."""
