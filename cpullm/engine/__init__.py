"""One model, many sequences decoded together. Token ids go in, token ids come out; text is the worker's business."""
