-- What a kind's OpenAPI schema says of its fields, cut down to what comparing needs (schema/kindschema.py): list-map keys, sets,
-- quantities, defaults. '' = not known when the row was written; the newest that is known at T holds.
ALTER TABLE kinds {on_cluster} ADD COLUMN IF NOT EXISTS schema String CODEC(ZSTD(3)) COMMENT 'list-map keys, sets, quantities, defaults, as JSON; empty = not known';
