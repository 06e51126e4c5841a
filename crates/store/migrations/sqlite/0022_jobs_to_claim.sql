-- A job that has succeeded is deleted from now on: nobody asks for it.
DELETE FROM jobs WHERE status = 'succeeded';

-- Finds the tenants that have jobs waiting, and the oldest job of each, without looking at
-- the others.
DROP INDEX jobs_to_run;
CREATE INDEX jobs_to_claim ON jobs (status, kind, tenant_id, run_at, id);
