/** O_PATH of Linux, which Node does not name: a handle on what is there, that is not opened. */
export const PATH_ONLY = 0o10000000;
