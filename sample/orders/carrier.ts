import { setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { OrderPlaced } from './order-placed.interface.js';

/** Stands for a parcel service. */
@Injectable()
export class Carrier {
  async fetch({ item }: OrderPlaced): Promise<void> {
    await setTimeout(50);
    if (item === 'piano') throw new Error('too heavy');
  }
}
