import { setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { OrderPlaced } from './order-placed.interface.js';

/** Stands for a parcel service. */
@Injectable()
export class Carrier {
  hasCrane = false;

  async fetch({ item }: OrderPlaced): Promise<void> {
    await setTimeout(50);
    if (item === 'piano' && !this.hasCrane) throw new Error('too heavy');
  }
}
