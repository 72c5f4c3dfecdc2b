import { BadRequestException } from '@nestjs/common';

/** The body of POST /orders. */
export class PlaceOrderDto {
  customer!: string;
  item!: string;

  static from(body: Partial<PlaceOrderDto> | undefined): PlaceOrderDto {
    const order = Object.assign(new PlaceOrderDto(), body);
    for (const part of ['customer', 'item'] as const) {
      if (typeof order[part] !== 'string' || order[part] === '')
        throw new BadRequestException(`${part} must be a text`);
    }
    return order;
  }
}
