import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { InvalidJobDataError } from '../errors/invalid-job-data.error.js';
import type { StandardSchema } from '../interfaces/standard-schema.interface.js';
import { issuePath, issuesForMessage } from '../utils/schema-issues.js';

/** Validates what `@JobData({ schema })` gets; the handler gets the schema's output. */
export class JobDataSchemaPipe implements PipeTransform {
  // private: Nest 12 takes what has a `schema` of its own for options
  readonly #schema: StandardSchema;

  constructor(schema: StandardSchema) {
    this.#schema = schema;
  }

  /** @throws InvalidJobDataError */
  async transform(value: unknown, { data: property }: ArgumentMetadata): Promise<unknown> {
    const result = await this.#schema['~standard'].validate(value);
    if (result.issues === undefined) return result.value;
    const { issues } = result;
    throw new InvalidJobDataError(
      issuePath(issues[0], property),
      `The job's data does not fit: ${issuesForMessage(issues, property)}`,
      issues,
    );
  }
}
