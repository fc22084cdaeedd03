export {
  type AddOptions,
  type Backoff,
  type Job,
  type JobCounts,
  type JobHandler,
  type JobQueue,
  type Jobs,
  jobDataBytesMax,
  type Repetition,
  type WorkOptions,
} from "./jobs.ts";
export { type JobsBackend, type OpenJobsOptions, openJobs } from "./open-jobs.ts";
