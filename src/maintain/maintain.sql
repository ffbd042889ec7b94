CREATE PROCEDURE warden.maintain() LANGUAGE c AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON PROCEDURE warden.maintain() FROM PUBLIC;
COMMENT ON PROCEDURE warden.maintain() IS
$$Does everything that is due, from cron, pg_cron or psql: creates and retires partitions of every set whose owner's rights the caller has, and cleans up the history. Commits after each step; a step that does not get the lock of its table within warden.lock_timeout is retried warden.lock_retries times, about warden.lock_retry_delay apart, and then left to the next call; behind a transaction that has been open for ten times warden.lock_timeout it does not wait at all. What fails or is blocked is a WARNING, and in warden.partition_sets.
Errors: 2D000 inside a transaction block, where it could not commit: use SELECT * FROM warden.partition_maintain() there. Does nothing on a standby.$$;
