/** What the events `order.placed` of the stream `orders` carry; their key is the customer. */
export interface OrderPlaced {
  orderId: string;
  customer: string;
  item: string;
}
