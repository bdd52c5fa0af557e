//! Data sets: opening them by name or path, and turning them into batches.
