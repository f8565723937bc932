"""What the words of the language mean: fields, operators, patterns, addresses, SQL."""
