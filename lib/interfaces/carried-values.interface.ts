/** What a job carries, by the kind of store and by name: JSON values. */
export type CarriedValues = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
