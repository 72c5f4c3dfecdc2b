import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { InvalidJobDataError } from '../errors/invalid-job-data.error.js';
import type { StandardSchema } from '../interfaces/standard-schema.interface.js';
import { memberPath } from '../utils/member-path.js';
import { describeIssues, pathOfIssues, validate } from '../utils/validate.js';

/** Validates what `@JobData({ schema })` gets; the handler gets the schema's output. */
export class JobDataSchemaPipe implements PipeTransform {
  // private: Nest 12 takes what has a `schema` of its own for options
  readonly #schema: StandardSchema;

  constructor(schema: StandardSchema) {
    this.#schema = schema;
  }

  /** @throws InvalidJobDataError */
  async transform(value: unknown, { data: property }: ArgumentMetadata): Promise<unknown> {
    const validated = await validate(this.#schema, value);
    if (validated.issues === undefined) return validated.value;
    const { issues } = validated;
    const root = property === undefined ? 'data' : memberPath('data', property);
    throw new InvalidJobDataError(pathOfIssues(issues, root), describeIssues(issues, root), issues);
  }
}
