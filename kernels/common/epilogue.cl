/* What is done to each result before it is written: nothing, unless the text in front of the kernel says otherwise. x: the
 * value(s), index: linear output index of lane 0, channel: the column of lane 0. Functions that use it take EPILOGUE_PARAMS and are
 * given EPILOGUE_OPERANDS. */
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_OPERANDS
#define EPILOGUE1(x, index, channel) (x)
#define EPILOGUE4(x, index, channel) (x)
#define EPILOGUE8(x, index, channel) (x)
#define EPILOGUE16(x, index, channel) (x)
#endif
#define EPILOGUEV(x, index, channel) PASTE(EPILOGUE, WIDTH)(x, index, channel)
