"""What `edgekit check` shows: terminal, HTML, Markdown, JUnit, GitHub."""
