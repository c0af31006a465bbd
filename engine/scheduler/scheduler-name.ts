/** Pods that name no other scheduler are ours. */
export const SCHEDULER_NAME = "default-scheduler";
