"""Shows the result of ``edgekit check`` on the terminal and as HTML, Markdown, JUnit and GitHub annotations."""
