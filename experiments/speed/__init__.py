"""How fast the package trains and ranks as the catalogue grows, and beside other libraries."""
