/** Streams and groups stand among the queues, under names that no queue can have: control characters are refused there. */
export const NAME_SEPARATOR = '\u001f';
const SEPARATOR = 'chr(31)';

export const streamName = (stream: string): string => `${SEPARATOR} || ${stream}`;
export const groupName = (stream: string, group: string): string => `${stream} || ${SEPARATOR} || ${group}`;
