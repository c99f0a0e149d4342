"""A township's ledger read row by row: workbook, tables, rows, records, decisions."""
