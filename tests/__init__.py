"""unit mirrors the code, integration uses real servers, functional tells stories."""
