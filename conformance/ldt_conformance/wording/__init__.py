"""How results are said to people: the words, and text from the twin made safe to show."""
