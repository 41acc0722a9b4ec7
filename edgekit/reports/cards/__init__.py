"""A model card as Markdown, HTML, and Markdown with Hugging Face's front matter."""
