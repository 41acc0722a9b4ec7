"""Renders a model card as Markdown, as HTML, and as Markdown with Hugging Face's front matter."""
