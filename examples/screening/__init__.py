"""A real model service to watch: tumour screening on the breast cancer data that ships with scikit-learn."""
