-- The ledger of migrations. The runner makes it before the first numbered file and writes a row before (`in progress`)
-- and after (`done`) each one. The newest row of a version counts.
CREATE TABLE IF NOT EXISTS schema_migrations {on_cluster}
(
    version    UInt32,
    name       String,
    sha256     String COMMENT 'of the file as it is in the package, before engine names are filled in',
    status     LowCardinality(String) COMMENT 'in progress, done',
    applied_at DateTime64(6, 'UTC')
)
ENGINE = {replacing}(applied_at)
ORDER BY version
COMMENT 'Which migrations this database has had, and when';
