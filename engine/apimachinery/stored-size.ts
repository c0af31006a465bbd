/**
 * What an object may take in a store, as JSON. The same for every store, so that what one of them holds fits into the others: what etcd takes
 * in one request unless it is told otherwise, less some room for the key, the conditions and, where objects are sealed, the envelope.
 */
export const STORED_BYTES_MAX = 1_572_864 - 4_096;
